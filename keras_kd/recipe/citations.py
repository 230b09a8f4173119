"""The papers that methods, networks, views, data and ways of teaching rely on, as BibTeX."""

BIBTEX = {
    "hinton2015kd": r"""
@misc{hinton2015kd,
  title = {Distilling the Knowledge in a Neural Network},
  author = {Hinton, Geoffrey and Vinyals, Oriol and Dean, Jeff},
  note = {NIPS 2014 Deep Learning Workshop},
  year = {2015},
  eprint = {1503.02531},
  archivePrefix = {arXiv},
}
""".strip(),
    "romero2015fitnets": r"""
@inproceedings{romero2015fitnets,
  title = {{FitNets}: Hints for Thin Deep Nets},
  author = {Romero, Adriana and Ballas, Nicolas and Kahou, Samira Ebrahimi and Chassang, Antoine and Gatta,
            Carlo and Bengio, Yoshua},
  booktitle = {ICLR},
  year = {2015},
  eprint = {1412.6550},
  archivePrefix = {arXiv},
}
""".strip(),
    "zagoruyko2017at": r"""
@inproceedings{zagoruyko2017at,
  title = {Paying More Attention to Attention: Improving the Performance of Convolutional Neural Networks via
           Attention Transfer},
  author = {Zagoruyko, Sergey and Komodakis, Nikos},
  booktitle = {ICLR},
  year = {2017},
  eprint = {1612.03928},
  archivePrefix = {arXiv},
}
""".strip(),
    "yim2017fsp": r"""
@inproceedings{yim2017fsp,
  title = {A Gift from Knowledge Distillation: Fast Optimization, Network Minimization and Transfer Learning},
  author = {Yim, Junho and Joo, Donggyu and Bae, Jihoon and Kim, Junmo},
  booktitle = {CVPR},
  year = {2017},
}
""".strip(),
    "tung2019sp": r"""
@inproceedings{tung2019sp,
  title = {Similarity-Preserving Knowledge Distillation},
  author = {Tung, Frederick and Mori, Greg},
  booktitle = {ICCV},
  year = {2019},
  eprint = {1907.09682},
  archivePrefix = {arXiv},
}
""".strip(),
    "park2019rkd": r"""
@inproceedings{park2019rkd,
  title = {Relational Knowledge Distillation},
  author = {Park, Wonpyo and Kim, Dongju and Lu, Yan and Cho, Minsu},
  booktitle = {CVPR},
  year = {2019},
  eprint = {1904.05068},
  archivePrefix = {arXiv},
}
""".strip(),
    "passalis2018pkt": r"""
@inproceedings{passalis2018pkt,
  title = {Learning Deep Representations with Probabilistic Knowledge Transfer},
  author = {Passalis, Nikolaos and Tefas, Anastasios},
  booktitle = {ECCV},
  year = {2018},
  eprint = {1803.10837},
  archivePrefix = {arXiv},
}
""".strip(),
    "huang2017nst": r"""
@misc{huang2017nst,
  title = {Like What You Like: Knowledge Distill via Neuron Selectivity Transfer},
  author = {Huang, Zehao and Wang, Naiyan},
  year = {2017},
  eprint = {1707.01219},
  archivePrefix = {arXiv},
}
""".strip(),
    "peng2019cc": r"""
@inproceedings{peng2019cc,
  title = {Correlation Congruence for Knowledge Distillation},
  author = {Peng, Baoyun and Jin, Xiao and Liu, Jiaheng and Li, Dongsheng and Wu, Yichao and Liu, Yu and Zhou,
            Shunfeng and Zhang, Zhaoning},
  booktitle = {ICCV},
  year = {2019},
  eprint = {1904.01802},
  archivePrefix = {arXiv},
}
""".strip(),
    "ahn2019vid": r"""
@inproceedings{ahn2019vid,
  title = {Variational Information Distillation for Knowledge Transfer},
  author = {Ahn, Sungsoo and Hu, Shell Xu and Damianou, Andreas and Lawrence, Neil D. and Dai, Zhenwen},
  booktitle = {CVPR},
  year = {2019},
  eprint = {1904.05835},
  archivePrefix = {arXiv},
}
""".strip(),
    "chen2021reviewkd": r"""
@inproceedings{chen2021reviewkd,
  title = {Distilling Knowledge via Knowledge Review},
  author = {Chen, Pengguang and Liu, Shu and Zhao, Hengshuang and Jia, Jiaya},
  booktitle = {CVPR},
  year = {2021},
  eprint = {2104.09044},
  archivePrefix = {arXiv},
}
""".strip(),
    "tian2020crd": r"""
@inproceedings{tian2020crd,
  title = {Contrastive Representation Distillation},
  author = {Tian, Yonglong and Krishnan, Dilip and Isola, Phillip},
  booktitle = {ICLR},
  year = {2020},
  eprint = {1910.10699},
  archivePrefix = {arXiv},
}
""".strip(),
    "chen2022simkd": r"""
@inproceedings{chen2022simkd,
  title = {Knowledge Distillation with the Reused Teacher Classifier},
  author = {Chen, Defang and Mei, Jian-Ping and Zhang, Hailin and Wang, Can and Feng, Yan and Chen, Chun},
  booktitle = {CVPR},
  year = {2022},
  eprint = {2203.14001},
  archivePrefix = {arXiv},
}
""".strip(),
    "zhang2018dml": r"""
@inproceedings{zhang2018dml,
  title = {Deep Mutual Learning},
  author = {Zhang, Ying and Xiang, Tao and Hospedales, Timothy M. and Lu, Huchuan},
  booktitle = {CVPR},
  year = {2018},
  eprint = {1706.00384},
  archivePrefix = {arXiv},
}
""".strip(),
    "lan2018one": r"""
@inproceedings{lan2018one,
  title = {Knowledge Distillation by On-the-Fly Native Ensemble},
  author = {Lan, Xu and Zhu, Xiatian and Gong, Shaogang},
  booktitle = {NeurIPS},
  year = {2018},
  eprint = {1806.04606},
  archivePrefix = {arXiv},
}
""".strip(),
    "heo2019bss": r"""
@inproceedings{heo2019bss,
  title = {Knowledge Distillation with Adversarial Samples Supporting Decision Boundary},
  author = {Heo, Byeongho and Lee, Minsik and Yun, Sangdoo and Choi, Jin Young},
  booktitle = {AAAI},
  year = {2019},
  eprint = {1805.05532},
  archivePrefix = {arXiv},
}
""".strip(),
    "zhao2022dkd": r"""
@inproceedings{zhao2022dkd,
  title = {Decoupled Knowledge Distillation},
  author = {Zhao, Borui and Cui, Quan and Song, Renjie and Qiu, Yiyu and Liang, Jiajun},
  booktitle = {CVPR},
  year = {2022},
  eprint = {2203.08679},
  archivePrefix = {arXiv},
}
""".strip(),
    "huang2022dist": r"""
@inproceedings{huang2022dist,
  title = {Knowledge Distillation from a Stronger Teacher},
  author = {Huang, Tao and You, Shan and Wang, Fei and Qian, Chen and Xu, Chang},
  booktitle = {NeurIPS},
  year = {2022},
  eprint = {2205.10536},
  archivePrefix = {arXiv},
}
""".strip(),
    "sun2024logit": r"""
@inproceedings{sun2024logit,
  title = {Logit Standardization in Knowledge Distillation},
  author = {Sun, Shangquan and Ren, Wenqi and Li, Jingzhi and Wang, Rui and Cao, Xiaochun},
  booktitle = {CVPR},
  year = {2024},
  eprint = {2403.01427},
  archivePrefix = {arXiv},
}
""".strip(),
    "zheng2024ttm": r"""
@inproceedings{zheng2024ttm,
  title = {Knowledge Distillation Based on Transformed Teacher Matching},
  author = {Zheng, Kaixiang and Yang, En-Hui},
  booktitle = {ICLR},
  year = {2024},
  eprint = {2402.11148},
  archivePrefix = {arXiv},
}
""".strip(),
    "sun2025rld": r"""
@inproceedings{sun2025rld,
  title = {Knowledge Distillation with Refined Logits},
  author = {Sun, Wujie and Chen, Defang and Lyu, Siwei and Chen, Genlang and Chen, Chun and Wang, Can},
  booktitle = {ICCV},
  year = {2025},
  eprint = {2408.07703},
  archivePrefix = {arXiv},
}
""".strip(),
    "li2023ctkd": r"""
@inproceedings{li2023ctkd,
  title = {Curriculum Temperature for Knowledge Distillation},
  author = {Li, Zheng and Li, Xiang and Yang, Lingfeng and Zhao, Borui and Song, Renjie and Luo, Lei and Li, Jun
            and Yang, Jian},
  booktitle = {AAAI},
  year = {2023},
  eprint = {2211.16231},
  archivePrefix = {arXiv},
}
""".strip(),
    "ba2014deep": r"""
@inproceedings{ba2014deep,
  title = {Do Deep Nets Really Need to be Deep?},
  author = {Ba, Lei Jimmy and Caruana, Rich},
  booktitle = {NIPS},
  year = {2014},
  eprint = {1312.6184},
  archivePrefix = {arXiv},
}
""".strip(),
    "touvron2021deit": r"""
@inproceedings{touvron2021deit,
  title = {Training Data-Efficient Image Transformers and Distillation through Attention},
  author = {Touvron, Hugo and Cord, Matthieu and Douze, Matthijs and Massa, Francisco and Sablayrolles,
            Alexandre and J{\'e}gou, Herv{\'e}},
  booktitle = {ICML},
  year = {2021},
  eprint = {2012.12877},
  archivePrefix = {arXiv},
}
""".strip(),
    "gu2024minillm": r"""
@inproceedings{gu2024minillm,
  title = {{MiniLLM}: Knowledge Distillation of Large Language Models},
  author = {Gu, Yuxian and Dong, Li and Wei, Furu and Huang, Minlie},
  booktitle = {ICLR},
  year = {2024},
  eprint = {2306.08543},
  archivePrefix = {arXiv},
}
""".strip(),
    "wen2023fdistill": r"""
@inproceedings{wen2023fdistill,
  title = {f-Divergence Minimization for Sequence-Level Knowledge Distillation},
  author = {Wen, Yuqiao and Li, Zichao and Du, Wenyu and Mou, Lili},
  booktitle = {ACL},
  year = {2023},
  eprint = {2307.15190},
  archivePrefix = {arXiv},
}
""".strip(),
    "szegedy2016rethinking": r"""
@inproceedings{szegedy2016rethinking,
  title = {Rethinking the Inception Architecture for Computer Vision},
  author = {Szegedy, Christian and Vanhoucke, Vincent and Ioffe, Sergey and Shlens, Jonathon and Wojna,
            Zbigniew},
  booktitle = {CVPR},
  year = {2016},
  eprint = {1512.00567},
  archivePrefix = {arXiv},
}
""".strip(),
    "tang2020understanding": r"""
@misc{tang2020understanding,
  title = {Understanding and Improving Knowledge Distillation},
  author = {Tang, Jiaxi and Shivanna, Rakesh and Zhao, Zhe and Lin, Dong and Singh, Anima and Chi, Ed H. and
            Jain, Sagar},
  year = {2020},
  eprint = {2002.03532},
  archivePrefix = {arXiv},
}
""".strip(),
    "stanton2021does": r"""
@inproceedings{stanton2021does,
  title = {Does Knowledge Distillation Really Work?},
  author = {Stanton, Samuel and Izmailov, Pavel and Kirichenko, Polina and Alemi, Alexander A. and Wilson,
            Andrew Gordon},
  booktitle = {NeurIPS},
  year = {2021},
  eprint = {2106.05945},
  archivePrefix = {arXiv},
}
""".strip(),
    "furlanello2018born": r"""
@inproceedings{furlanello2018born,
  title = {Born Again Neural Networks},
  author = {Furlanello, Tommaso and Lipton, Zachary C. and Tschannen, Michael and Itti, Laurent and Anandkumar,
            Anima},
  booktitle = {ICML},
  year = {2018},
  eprint = {1805.04770},
  archivePrefix = {arXiv},
}
""".strip(),
    "mirzadeh2020assistant": r"""
@inproceedings{mirzadeh2020assistant,
  title = {Improved Knowledge Distillation via Teacher Assistant},
  author = {Mirzadeh, Seyed Iman and Farajtabar, Mehrdad and Li, Ang and Levine, Nir and Matsukawa, Akihiro and
            Ghasemzadeh, Hassan},
  booktitle = {AAAI},
  year = {2020},
  eprint = {1902.03393},
  archivePrefix = {arXiv},
}
""".strip(),
    "cho2019efficacy": r"""
@inproceedings{cho2019efficacy,
  title = {On the Efficacy of Knowledge Distillation},
  author = {Cho, Jang Hyun and Hariharan, Bharath},
  booktitle = {ICCV},
  year = {2019},
  eprint = {1910.01348},
  archivePrefix = {arXiv},
}
""".strip(),
    "wang2022checkpoints": r"""
@inproceedings{wang2022checkpoints,
  title = {Efficient Knowledge Distillation from Model Checkpoints},
  author = {Wang, Chaofei and Yang, Qisen and Huang, Rui and Song, Shiji and Huang, Gao},
  booktitle = {NeurIPS},
  year = {2022},
  eprint = {2210.06458},
  archivePrefix = {arXiv},
}
""".strip(),
    "lukasik2022teachers": r"""
@article{lukasik2022teachers,
  title = {Teacher's Pet: Understanding and Mitigating Biases in Distillation},
  author = {Lukasik, Michal and Bhojanapalli, Srinadh and Menon, Aditya Krishna and Kumar, Sanjiv},
  journal = {Transactions on Machine Learning Research},
  year = {2022},
  eprint = {2106.10494},
  archivePrefix = {arXiv},
}
""".strip(),
    "ganta2022weighted": r"""
@misc{ganta2022weighted,
  title = {Knowledge Distillation via Weighted Ensemble of Teaching Assistants},
  author = {Ganta, Durga Prasad and Das Gupta, Himel and Sheng, Victor S.},
  year = {2022},
  eprint = {2206.12005},
  archivePrefix = {arXiv},
}
""".strip(),
    "guo2017calibration": r"""
@inproceedings{guo2017calibration,
  title = {On Calibration of Modern Neural Networks},
  author = {Guo, Chuan and Pleiss, Geoff and Sun, Yu and Weinberger, Kilian Q.},
  booktitle = {ICML},
  year = {2017},
  eprint = {1706.04599},
  archivePrefix = {arXiv},
}
""".strip(),
    "yang2021calibration": r"""
@misc{yang2021calibration,
  title = {Rethinking the Knowledge Distillation from the Perspective of Model Calibration},
  author = {Yang, Lehan and Song, Jincen},
  year = {2021},
  eprint = {2111.01684},
  archivePrefix = {arXiv},
}
""".strip(),
    "nagarajan2023deviations": r"""
@inproceedings{nagarajan2023deviations,
  title = {On Student-Teacher Deviations in Distillation: Does It Pay to Disobey?},
  author = {Nagarajan, Vaishnavh and Menon, Aditya Krishna and Bhojanapalli, Srinadh and Mobahi, Hossein and
            Kumar, Sanjiv},
  booktitle = {NeurIPS},
  year = {2023},
  eprint = {2301.12923},
  archivePrefix = {arXiv},
}
""".strip(),
    "laine2017temporal": r"""
@inproceedings{laine2017temporal,
  title = {Temporal Ensembling for Semi-Supervised Learning},
  author = {Laine, Samuli and Aila, Timo},
  booktitle = {ICLR},
  year = {2017},
  eprint = {1610.02242},
  archivePrefix = {arXiv},
}
""".strip(),
    "beyer2022patient": r"""
@inproceedings{beyer2022patient,
  title = {Knowledge Distillation: A Good Teacher Is Patient and Consistent},
  author = {Beyer, Lucas and Zhai, Xiaohua and Royer, Am{\'e}lie and Markeeva, Larisa and Anil, Rohan and
            Kolesnikov, Alexander},
  booktitle = {CVPR},
  year = {2022},
  eprint = {2106.05237},
  archivePrefix = {arXiv},
}
""".strip(),
    "loshchilov2017sgdr": r"""
@inproceedings{loshchilov2017sgdr,
  title = {{SGDR}: Stochastic Gradient Descent with Warm Restarts},
  author = {Loshchilov, Ilya and Hutter, Frank},
  booktitle = {ICLR},
  year = {2017},
  eprint = {1608.03983},
  archivePrefix = {arXiv},
}
""".strip(),
    "loshchilov2019adamw": r"""
@inproceedings{loshchilov2019adamw,
  title = {Decoupled Weight Decay Regularization},
  author = {Loshchilov, Ilya and Hutter, Frank},
  booktitle = {ICLR},
  year = {2019},
  eprint = {1711.05101},
  archivePrefix = {arXiv},
}
""".strip(),
    "kingma2015adam": r"""
@inproceedings{kingma2015adam,
  title = {Adam: A Method for Stochastic Optimization},
  author = {Kingma, Diederik P. and Ba, Jimmy},
  booktitle = {ICLR},
  year = {2015},
  eprint = {1412.6980},
  archivePrefix = {arXiv},
}
""".strip(),
    "zhang2018mixup": r"""
@inproceedings{zhang2018mixup,
  title = {mixup: Beyond Empirical Risk Minimization},
  author = {Zhang, Hongyi and Cisse, Moustapha and Dauphin, Yann N. and Lopez-Paz, David},
  booktitle = {ICLR},
  year = {2018},
  eprint = {1710.09412},
  archivePrefix = {arXiv},
}
""".strip(),
    "yun2019cutmix": r"""
@inproceedings{yun2019cutmix,
  title = {{CutMix}: Regularization Strategy to Train Strong Classifiers with Localizable Features},
  author = {Yun, Sangdoo and Han, Dongyoon and Oh, Seong Joon and Chun, Sanghyuk and Choe, Junsuk and Yoo,
            Youngjoon},
  booktitle = {ICCV},
  year = {2019},
  eprint = {1905.04899},
  archivePrefix = {arXiv},
}
""".strip(),
    "devries2017cutout": r"""
@misc{devries2017cutout,
  title = {Improved Regularization of Convolutional Neural Networks with Cutout},
  author = {DeVries, Terrance and Taylor, Graham W.},
  year = {2017},
  eprint = {1708.04552},
  archivePrefix = {arXiv},
}
""".strip(),
    "cubuk2020randaugment": r"""
@inproceedings{cubuk2020randaugment,
  title = {{RandAugment}: Practical Automated Data Augmentation with a Reduced Search Space},
  author = {Cubuk, Ekin D. and Zoph, Barret and Shlens, Jonathon and Le, Quoc V.},
  booktitle = {NeurIPS},
  year = {2020},
  eprint = {1909.13719},
  archivePrefix = {arXiv},
}
""".strip(),
    "he2016resnet": r"""
@inproceedings{he2016resnet,
  title = {Deep Residual Learning for Image Recognition},
  author = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},
  booktitle = {CVPR},
  year = {2016},
  eprint = {1512.03385},
  archivePrefix = {arXiv},
}
""".strip(),
    "he2016identity": r"""
@inproceedings{he2016identity,
  title = {Identity Mappings in Deep Residual Networks},
  author = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},
  booktitle = {ECCV},
  year = {2016},
  eprint = {1603.05027},
  archivePrefix = {arXiv},
}
""".strip(),
    "zagoruyko2016wrn": r"""
@inproceedings{zagoruyko2016wrn,
  title = {Wide Residual Networks},
  author = {Zagoruyko, Sergey and Komodakis, Nikos},
  booktitle = {BMVC},
  year = {2016},
  eprint = {1605.07146},
  archivePrefix = {arXiv},
}
""".strip(),
    "simonyan2015vgg": r"""
@inproceedings{simonyan2015vgg,
  title = {Very Deep Convolutional Networks for Large-Scale Image Recognition},
  author = {Simonyan, Karen and Zisserman, Andrew},
  booktitle = {ICLR},
  year = {2015},
  eprint = {1409.1556},
  archivePrefix = {arXiv},
}
""".strip(),
    "sandler2018mobilenetv2": r"""
@inproceedings{sandler2018mobilenetv2,
  title = {{MobileNetV2}: Inverted Residuals and Linear Bottlenecks},
  author = {Sandler, Mark and Howard, Andrew and Zhu, Menglong and Zhmoginov, Andrey and Chen, Liang-Chieh},
  booktitle = {CVPR},
  year = {2018},
  eprint = {1801.04381},
  archivePrefix = {arXiv},
}
""".strip(),
    "zhang2018shufflenet": r"""
@inproceedings{zhang2018shufflenet,
  title = {{ShuffleNet}: An Extremely Efficient Convolutional Neural Network for Mobile Devices},
  author = {Zhang, Xiangyu and Zhou, Xinyu and Lin, Mengxiao and Sun, Jian},
  booktitle = {CVPR},
  year = {2018},
  eprint = {1707.01083},
  archivePrefix = {arXiv},
}
""".strip(),
    "ma2018shufflenetv2": r"""
@inproceedings{ma2018shufflenetv2,
  title = {{ShuffleNet V2}: Practical Guidelines for Efficient {CNN} Architecture Design},
  author = {Ma, Ningning and Zhang, Xiangyu and Zheng, Hai-Tao and Sun, Jian},
  booktitle = {ECCV},
  year = {2018},
  eprint = {1807.11164},
  archivePrefix = {arXiv},
}
""".strip(),
    "krizhevsky2009cifar": r"""
@techreport{krizhevsky2009cifar,
  title = {Learning Multiple Layers of Features from Tiny Images},
  author = {Krizhevsky, Alex},
  institution = {University of Toronto},
  year = {2009},
}
""".strip(),
    "alpaydin1998digits": r"""
@misc{alpaydin1998digits,
  title = {Optical Recognition of Handwritten Digits},
  author = {Alpaydin, E. and Kaynak, C.},
  howpublished = {UCI Machine Learning Repository},
  doi = {10.24432/C50P49},
  year = {1998},
}
""".strip(),
    "lecun1998mnist": r"""
@article{lecun1998mnist,
  title = {Gradient-Based Learning Applied to Document Recognition},
  author = {LeCun, Yann and Bottou, L{\'e}on and Bengio, Yoshua and Haffner, Patrick},
  journal = {Proceedings of the IEEE},
  year = {1998},
}
""".strip(),
    "xiao2017fashion": r"""
@misc{xiao2017fashion,
  title = {{Fashion-MNIST}: a Novel Image Dataset for Benchmarking Machine Learning Algorithms},
  author = {Xiao, Han and Rasul, Kashif and Vollgraf, Roland},
  year = {2017},
  eprint = {1708.07747},
  archivePrefix = {arXiv},
}
""".strip(),
    "netzer2011svhn": r"""
@inproceedings{netzer2011svhn,
  title = {Reading Digits in Natural Images with Unsupervised Feature Learning},
  author = {Netzer, Yuval and Wang, Tao and Coates, Adam and Bissacco, Alessandro and Wu, Bo and Ng, Andrew Y.},
  booktitle = {NIPS Workshop on Deep Learning and Unsupervised Feature Learning},
  year = {2011},
}
""".strip(),
    "coates2011stl": r"""
@inproceedings{coates2011stl,
  title = {An Analysis of Single-Layer Networks in Unsupervised Feature Learning},
  author = {Coates, Adam and Ng, Andrew and Lee, Honglak},
  booktitle = {AISTATS},
  year = {2011},
}
""".strip(),
    "russakovsky2015imagenet": r"""
@article{russakovsky2015imagenet,
  title = {{ImageNet} Large Scale Visual Recognition Challenge},
  author = {Russakovsky, Olga and Deng, Jia and Su, Hao and Krause, Jonathan and Satheesh, Sanjeev and Ma, Sean
            and Huang, Zhiheng and Karpathy, Andrej and Khosla, Aditya and Bernstein, Michael and Berg,
            Alexander C. and Fei-Fei, Li},
  journal = {International Journal of Computer Vision},
  year = {2015},
  eprint = {1409.0575},
  archivePrefix = {arXiv},
}
""".strip(),
}
